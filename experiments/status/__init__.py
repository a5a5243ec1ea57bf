"""What is done and what remains, according to the sidecars of trial logs."""
