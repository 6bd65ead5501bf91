"""The doctor: signals of a training become findings, and findings remedies."""

from zerosum.diagnosis.findings import CATALOGUE, Advice, Finding, Kind

__all__ = ["CATALOGUE", "Advice", "Finding", "Kind"]
