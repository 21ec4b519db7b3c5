"""Many processes, one plan: planners put visits into a queue on PostgreSQL (procrastinate), workers take them."""
