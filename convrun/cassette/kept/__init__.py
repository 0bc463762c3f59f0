"""What is kept of live calls: the recorder, what it knew before, what broke off, and what may not be written."""
