"""The operator: custom resources in, isolated pods out. Level-triggered: every decision is made anew from what is.

- __main__: process, kopf, probes      - settings: environment        - measures: Prometheus
- caches: what is                      - work: the queue of keys       - announce: Kubernetes Events
- desired/: pure builders, one Kubernetes kind a file: what should be
- reconcile/: compares the two and acts
"""
