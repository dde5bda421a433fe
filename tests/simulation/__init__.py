"""Conversations in virtual time: an hour of a caller's day in seconds, with every promise checked as it goes."""
