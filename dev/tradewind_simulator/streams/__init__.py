"""WebSocket streams of the exchange's dialect: market data pushed to whoever subscribes.

- names: what a stream's name asks for            - payloads: events as the exchange sends them
- pump: what happened since the last tick         - hub: who gets it, encoded once for all
- connection: one client's socket and its limits  - server: `/ws`, `/ws/<streams>`, `/stream?streams=`
"""
