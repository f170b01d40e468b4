"""Parameters of the wires of a simulated array."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sim.cells.law import unit
from sim.network.wires import WireResistance


class WireParameters(BaseModel):
    """Resistances of lines, and of what drives and senses them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    r_wire: float = Field(
        0.0, ge=0, description="resistance of a line from one cell to the next; 0: none", json_schema_extra=unit("ohm")
    )
    r_row: float | None = Field(
        None, gt=0, description="that of a row; r_wire if not given", json_schema_extra=unit("ohm")
    )
    r_col: float | None = Field(
        None, gt=0, description="that of a column; r_wire if not given", json_schema_extra=unit("ohm")
    )
    r_driver: float = Field(
        0.0,
        ge=0,
        description="resistance of what drives or senses a line, contact included; needs r_wire",
        json_schema_extra=unit("ohm"),
    )
    r_row_driver: float | None = Field(
        None, ge=0, description="that of a row; r_driver if not given", json_schema_extra=unit("ohm")
    )
    r_col_driver: float | None = Field(
        None, ge=0, description="that of a column; r_driver if not given", json_schema_extra=unit("ohm")
    )
    c_wire: float = Field(
        0.0,
        ge=0,
        description="capacitance of a line from one cell to the next, for its delay and charge; needs r_wire",
        json_schema_extra=unit("F"),
    )
    c_row: float | None = Field(
        None, ge=0, description="that of a row; c_wire if not given", json_schema_extra=unit("F")
    )
    c_col: float | None = Field(
        None, ge=0, description="that of a column; c_wire if not given", json_schema_extra=unit("F")
    )
    row_ends: int = Field(1, ge=1, le=2, description="ends at which a row is driven: the first column, or the last too")
    col_ends: int = Field(1, ge=1, le=2, description="ends at which a column is driven: the last row, or the first too")

    @property
    def wired(self) -> bool:
        """Whether lines have resistances."""
        return bool(self.r_wire or self.r_row or self.r_col)

    def wires(self) -> WireResistance | None:
        """Resistances of the lines; None where they have none."""
        if not self.wired:
            return None
        row, col = (self.r_wire if own is None else own for own in (self.r_row, self.r_col))
        row_driver, col_driver = (
            self.r_driver if own is None else own for own in (self.r_row_driver, self.r_col_driver)
        )
        row_end, col_end = row + row_driver, col + col_driver
        far = row_end if self.row_ends == 2 else None, col_end if self.col_ends == 2 else None
        return WireResistance(row, col, row_end, col_end, *far)

    def capacitances(self) -> tuple[float, float]:
        """Of a segment of a row, and of one of a column, F."""
        row, col = (self.c_wire if own is None else own for own in (self.c_row, self.c_col))
        return row, col

    @model_validator(mode="after")
    def _wires(self) -> Self:
        if not self.wired:
            for name in ("c_wire", "c_row", "c_col"):
                if getattr(self, name):
                    raise ValueError(
                        f"{name} = {getattr(self, name):g} F: give r_wire > 0 as well, a line without any has no delay"
                    )
            for name in ("r_driver", "r_row_driver", "r_col_driver"):
                if getattr(self, name):
                    raise ValueError(
                        f"{name} = {getattr(self, name):g} ohm: give r_wire > 0 as well, the resistance of a segment"
                    )
            for name in ("row_ends", "col_ends"):
                if getattr(self, name) != 1:
                    raise ValueError(
                        f"{name} = {getattr(self, name)}: give r_wire > 0 as well, it does nothing without"
                    )
        elif not self.r_wire and (self.r_row is None or self.r_col is None):
            given, other = ("r_row", "r_col") if self.r_col is None else ("r_col", "r_row")
            raise ValueError(f"{given} = {getattr(self, given):g} ohm: give {other} > 0 as well, however small")
        return self


NO_WIRES = {name: field.get_default() for name, field in WireParameters.model_fields.items()}
"""Parameters of lines without resistance."""
