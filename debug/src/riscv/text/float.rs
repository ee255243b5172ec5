//! The text of instructions that compute with floating point.

use super::{f, x};
use crate::riscv::decode::CONSTANTS;
use crate::riscv::{Float, Integer, Operation, Precision};

impl Operation {
    pub(super) fn float(&self, float: Float, precision: Precision) -> (String, String) {
        let suffix = match precision {
            Precision::Single => "s",
            Precision::Double => "d",
        };
        let rd = if float.writes_integer() { x(self.rd) } else { f(self.rd) };
        let [one, two, three] = [self.rs1, self.rs2, self.rs3() as u8].map(f);
        let rounding = || match self.funct3() {
            mode @ 0..=4 => format!(", {}", ["rne", "rtz", "rdn", "rup", "rmm"][usize::from(mode)]),
            _ => String::new(),
        };
        let arithmetic = |name: &str| (format!("{name}.{suffix}"), format!("{rd}, {one}, {two}{}", rounding()));
        let fused = |name: &str| (format!("{name}.{suffix}"), format!("{rd}, {one}, {two}, {three}{}", rounding()));
        let plain = |name: &str| (format!("{name}.{suffix}"), format!("{rd}, {one}, {two}"));
        let sign = |name: &str, same: &str| match self.rs1 == self.rs2 {
            true => (format!("{same}.{suffix}"), format!("{rd}, {one}")),
            false => plain(name),
        };
        // Where nothing is rounded, assemblers leave the mode out.
        let exact = || if self.funct3() == 0 { String::new() } else { rounding() };
        match float {
            Float::MultiplyAdd => fused("fmadd"),
            Float::MultiplySubtract => fused("fmsub"),
            Float::NegatedMultiplySubtract => fused("fnmsub"),
            Float::NegatedMultiplyAdd => fused("fnmadd"),
            Float::Add => arithmetic("fadd"),
            Float::Subtract => arithmetic("fsub"),
            Float::Multiply => arithmetic("fmul"),
            Float::Divide => arithmetic("fdiv"),
            Float::SquareRoot => (format!("fsqrt.{suffix}"), format!("{rd}, {one}{}", rounding())),
            Float::CopySign => sign("fsgnj", "fmv"),
            Float::CopyNegatedSign => sign("fsgnjn", "fneg"),
            Float::XorSign => sign("fsgnjx", "fabs"),
            Float::Minimum => plain("fmin"),
            Float::Maximum => plain("fmax"),
            Float::MinimumOrNan => plain("fminm"),
            Float::MaximumOrNan => plain("fmaxm"),
            Float::Constant => (format!("fli.{suffix}"), format!("{rd}, {}", constant(self.rs1))),
            Float::Round => (format!("fround.{suffix}"), format!("{rd}, {one}{}", rounding())),
            Float::RoundInexact => (format!("froundnx.{suffix}"), format!("{rd}, {one}{}", rounding())),
            Float::Equal => plain("feq"),
            Float::LessThan => plain("flt"),
            Float::LessOrEqual => plain("fle"),
            Float::LessOrEqualQuiet => plain("fleq"),
            Float::LessThanQuiet => plain("fltq"),
            Float::ToWordModulo => ("fcvtmod.w.d".into(), format!("{rd}, {one}{}", rounding())),
            Float::Classify => (format!("fclass.{suffix}"), format!("{rd}, {one}")),
            Float::MoveToInteger => (format!("fmv.x.{}", moved(precision)), format!("{rd}, {one}")),
            Float::MoveFromInteger => (format!("fmv.{}.x", moved(precision)), format!("{rd}, {}", x(self.rs1))),
            Float::ToInteger(form) => {
                (format!("fcvt.{}.{suffix}", form_name(form)), format!("{rd}, {one}{}", rounding()))
            }
            Float::FromInteger(form) => {
                let exactly = precision == Precision::Double && matches!(form, Integer::Word | Integer::UnsignedWord);
                let mode = if exactly { exact() } else { rounding() };
                (format!("fcvt.{suffix}.{}", form_name(form)), format!("{rd}, {}{mode}", x(self.rs1)))
            }
            Float::Convert if precision == Precision::Double => ("fcvt.d.s".into(), format!("{rd}, {one}{}", exact())),
            Float::Convert => ("fcvt.s.d".into(), format!("{rd}, {one}{}", rounding())),
        }
    }
}

/// As assemblers take them.
fn constant(number: u8) -> String {
    match number {
        1 => "min".into(),
        30 => "inf".into(),
        31 => "nan".into(),
        _ => format!("{:?}", CONSTANTS[usize::from(number)]),
    }
}

/// What `fmv` calls the integer register's part.
fn moved(precision: Precision) -> &'static str {
    match precision {
        Precision::Single => "w",
        Precision::Double => "d",
    }
}

fn form_name(form: Integer) -> &'static str {
    match form {
        Integer::Word => "w",
        Integer::UnsignedWord => "wu",
        Integer::Doubleword => "l",
        Integer::UnsignedDoubleword => "lu",
    }
}
