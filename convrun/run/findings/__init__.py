"""What keeps a suite from being trusted though nothing is wrong yet: findings of a whole run."""
