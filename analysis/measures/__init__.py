"""Measures of single observers: accuracy, shape bias, confusion, psychometric functions."""
