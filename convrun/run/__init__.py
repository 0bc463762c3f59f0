"""From specs to results: plan, bind, run."""
