"""Read trial logs of every supported format into a frame, and write tables and exports."""
