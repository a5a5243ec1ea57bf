"""Figures: functions that plot the contents of pandas tables on matplotlib axes and figures."""
