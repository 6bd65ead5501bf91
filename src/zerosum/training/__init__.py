"""Plays a plan: engine, schedules, averages, checkpoints, precision, observers."""
