"""Parameters that several commands share: completion of their values, and options that a decorator adds."""
