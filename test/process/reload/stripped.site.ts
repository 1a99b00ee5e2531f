// The echo site, whose code has first done away with what vhostd loads Node's own modules by.
Reflect.deleteProperty(process, 'getBuiltinModule');
await import('../../kit/echo.site.js');
