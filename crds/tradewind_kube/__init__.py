"""One async client of the API server, used by operator and portal. Raw JSON in and out: typed models cost ten times as much.

- configuration: from a kubeconfig or from inside a pod    - client: requests
- errors: what can go wrong and who must act               - reflector: a copy of a kind, kept up to date
"""
