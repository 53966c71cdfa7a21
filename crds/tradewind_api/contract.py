"""The base of every model that crosses a border: camelCase outside, snake_case inside, unknown fields refused."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Contract(BaseModel):
    """A frozen message between two of our processes. Raises pydantic.ValidationError on anything it does not know."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        serialize_by_alias=True,
        ser_json_inf_nan="null",
    )
