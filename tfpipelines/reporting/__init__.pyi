from .writing import Report as Report
from .writing import report as report
from .writing import write_reports as write_reports
