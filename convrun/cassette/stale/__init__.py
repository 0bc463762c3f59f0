"""Why a request is not the recorded one: the parts that differ, what they look like, and the calls that break."""
