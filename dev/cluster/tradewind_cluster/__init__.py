"""A real Kubernetes on one machine, without Docker and without a registry.

- layout: names, paths, addresses of one cluster       - binaries: what is built, from which module, where it is kept
- preflight: what the machine must have                - certificates: keys, certificates, kubeconfigs
- control_plane, node: command lines and configuration - node_init: process 1 of the node's own namespaces
- network: the node's network namespace                - supervisor: keeps all of it alive
- api, watching: the API server from the standard library
- policy_rules, policies: NetworkPolicy as nftables    - volumes: local volumes for claims
- images: base image, image builds, images of one file
- daemons, attendant: processes that are kept, and what runs beside them
- kwok: pretended nodes - forward: the browser's way in - name_service: one DNS question - lock, options: one `up` at a time
- machine: what the machine was like before - teardown: leaves nothing - temporary: clusters of a test run
"""
