"""The Kubernetes API server as the portal needs it."""
