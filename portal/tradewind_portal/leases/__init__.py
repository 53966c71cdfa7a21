"""Who may trade with real money, with which key, until when; and telling people in the cluster why a bot does not."""
