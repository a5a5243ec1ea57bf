"""Figures: functions that draw tables and frames on matplotlib axes and figures."""
