"""Strategies: documents under a name, as custom resources in the tenant's namespace."""
