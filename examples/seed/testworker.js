'use strict';
//定义进程标题
process.title = 'ddvSizeTest';
//jsnet模块-子线程模块
const worker = require('@vhostd/worker');
//http模块
const http = require('http');
//Express 应用生成器
const express = require('express');
//生成一个应用
const app = express();
//服务调度模块
worker.server = http.createServer(app);

//app的进一步开发

worker.config = Object.create(null);

//标记没有启动过
let isStart = false ;
//导出一个模块-服务启动
module.exports = function start(c){
  worker.config = c || worker.config || Object.create(null);
  c = void 0;
  if (isStart===true) {
	//防止重复启动
      console.warn('不能重复开始');
      return ;
  }
	worker.server.setConfig(worker.config);
  //发送所以修改给管理线程，更新 监听信息
	worker.updateServerConf({
		//修改是否默认监听站点
		defaultListen: worker.config.defaultListen,
		//修改监听数组
		listen : worker.config.listen,
		//修改监听cpu核数
		cpuLen : worker.config.cpuLen,
	}, (e)=>{
		if (e) {
			console.log(`[pid:${process.pid}][wid:${worker.id}]更新服务器监听配置参数失败!`);
		}else{
			console.log(`[pid:${process.pid}][wid:${worker.id}]更新服务器监听配置参数成功!`);
		}
	});
};

/***********************异常错误处理模块开始***********************/

//服务器错误捕获，抛出到server::error
worker.server.on('error', function (e) {
	//客户端socket重置 忽略这一错误
	if (e.message == 'read ECONNRESET'&&e.name === 'Error') {
		return false;
	}else{
		worker.emit('server::error',e);
	}
	e = undefined ;
});
//server错误捕获处理
worker.on('server::error',function(e){
	if(e.stack){
		e.stack = Error().stack;
	}
	e.stack +='\nthis error is server error';
	worker.emit('error',e);
});
//socket错误捕获处理
worker.on('socket::error',function(e){
	if(e.stack){
		e.stack = Error().stack;
	}
	e.stack +='\nthis error is socket error';
	worker.emit('error',e);
});

//错误
worker.on('error',function(e){
	console.error(`[pid:${process.pid}][wid:${worker.id}]服务器内部错误开始`);
	console.error(e);
	console.error(`[pid:${process.pid}][wid:${worker.id}]服务器内部错误结束`);
	console.error(Error().stack);
});

/***********************异常错误处理模块结束***********************/
