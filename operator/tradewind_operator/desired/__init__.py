"""What should be: pure functions from resources to Kubernetes objects and statuses. No client, no clock, no kopf.

- names, pods: what all builders share       - strategies: from a spec to a document that can run
- namespace, quota, limit_range, network_policy, service_account, role_binding: of a tenant
- config_map, stateful_set: of a bot          - job: of a backtest
- shutdown, reaper: of a live bot that is deleted
- tenant, bot, backtest: all objects of one resource     - status: conditions and the one-word summary
"""
