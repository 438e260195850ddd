"""Planning: what a training will cost in memory and time, before it starts."""
