-- What the pod of this epoch trades, as a JSON list: it goes on with that when its resource names other symbols, until it starts anew.
ALTER TABLE live_leases ADD COLUMN symbols VARCHAR DEFAULT '[]';
