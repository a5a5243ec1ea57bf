"""Sessions: present an experiment to observers, in this process or on workers, and write a trial log for each."""
