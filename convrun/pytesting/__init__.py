"""What the pytest plugin does once there is something to do: specs as items, their reports, conversations in Python."""
