"""What keeps a sample safe: limits, locks, watchdogs, tallies of pulses, checks of the leads."""

from instruments.safety.limits import SafetyLimits

__all__ = ["SafetyLimits"]
