"""Which learning rate the next probe should try."""
