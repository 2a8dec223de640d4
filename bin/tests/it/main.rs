//! The program as others run it: its commands, what they print and how they exit.

mod check;
mod config;
mod decode;
mod doctor;
mod get;
mod logs;
mod machine;
mod pace;
mod rollup;
mod secrets;
mod sequencer;
mod shared;
mod watch;
