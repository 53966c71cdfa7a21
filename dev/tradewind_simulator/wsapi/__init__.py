"""`/ws-api/v3`: requests and answers over one socket, and the user's own events.

- envelope: requests taken apart, answers put together    - session: who is logged on, which events a socket is sent
- methods: what can be asked                              - server: the socket itself
- straight: the way that requests come in
"""
