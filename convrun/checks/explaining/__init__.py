"""Why a check fails, in lines that set expected against actual; loaded once there is something to tell."""
