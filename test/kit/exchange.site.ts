// The echo site by its older name.
import './echo.site.js';
