//! Integration tests, in one binary.

mod diagnostics;
