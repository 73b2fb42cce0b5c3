//! The suite that proves an implementation of the ports.
