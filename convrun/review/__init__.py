"""Recordings as conversations: shown turn by turn, judged without running anything, and compared with each other."""
