"""Digital-to-analog and analog-to-digital converters in front of any device: ``dac_bits=`` and ``adc_bits=``."""
