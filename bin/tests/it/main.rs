//! The program as others run it: its commands, what they print and how they exit.

mod check;
mod config;
mod get;
mod shared;
