"""From specs to results: plan, bind, and run a conversation."""
