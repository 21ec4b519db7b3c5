"""How visits come about: by this process itself (`embedded`), or by a queue that several processes share (`queue`)."""
