"""Import of tables of trials that other programs wrote, as trial logs of our own."""
