"""Recordings with the model's side changed, one thing at a time: would the checks have noticed?"""
