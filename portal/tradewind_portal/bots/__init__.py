"""Trading bots: custom resources in the tenant's namespace, merged with what the ledger knows."""
