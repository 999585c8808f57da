//! Reports that people read: one model of a page, written as HTML and as Markdown.

pub mod chart;
pub mod model;
pub mod html;
pub mod markdown;
mod parts;
pub mod of_run;
pub mod of_lab;
pub mod of_comparison;
