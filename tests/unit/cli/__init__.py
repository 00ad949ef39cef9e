"""Tests of the command line, against an orchestrator that is played."""
