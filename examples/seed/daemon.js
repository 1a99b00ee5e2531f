//引入守护线程模块
const DdvDaemon = require('@vhostd/daemon');
const path = require('path');
let daemon = new DdvDaemon();
//监听加载完毕
daemon.on('loadend',()=>{
    //设置管理线程启动文件
	daemon.setMasterFile(path.resolve(__dirname,'./master.js'));
	//开始运行管理线程
	daemon.run();
});
