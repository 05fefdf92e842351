"""What happens next in a study: a role, a rate, an end."""
