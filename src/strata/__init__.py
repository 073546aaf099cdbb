"""Strata's command line tool."""
