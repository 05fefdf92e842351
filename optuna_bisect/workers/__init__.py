"""Acting on a study that other workers share."""
