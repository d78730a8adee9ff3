"""Prepares a machine for Ngalam 112, before there is anything but Python."""
