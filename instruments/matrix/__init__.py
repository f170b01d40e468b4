"""Switch matrices, and the map from a crossbar's lines to their relays."""
