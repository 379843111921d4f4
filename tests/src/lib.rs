//! End-to-end tests of the `culprit` binary.
